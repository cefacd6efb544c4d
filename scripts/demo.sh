#!/usr/bin/env bash
# Poses in, augmented pairs out: trains, exports, verifies, and says what to look at. `make demo` runs it with the environment on PATH.
set -euo pipefail
cd "$(dirname "$0")/.."

source=${DEMO_SOURCE:-}                   # your 3D poses; none: what lies in data/, else the built-in source
rig=${DEMO_RIG:-studio}                   # the cameras that look at them: studio, ring or FILE:NAME
rows=${DEMO_ROWS:-200000}                 # pairs to export
preset=${DEMO_PRESET:-quick}              # how long to train
options=${DEMO_OPTIONS:-}                 # more options for `poseaug-gen train`
folder=${DEMO_DIR:-.}                     # where outputs/ is written

# Absolute, because the commands below run in $folder.
[[ -z $source || $source == anatomy ]] || source=$(realpath "$source")
[[ $rig != *.json* ]] || rig=$(realpath "${rig%:*}"):${rig##*:}
mkdir -p "$folder/outputs"
cd "$folder"

# shellcheck disable=SC2086 # $options is several words
poseaug-gen train ${source:+--source "$source"} --rig "$rig" --preset "$preset" $options
poseaug-gen export --n "$rows" --out outputs/demo.h5 --overwrite
poseaug-gen verify outputs/demo.h5
poseaug-gen report outputs/demo.h5 --html outputs/demo.html

# shellcheck disable=SC2012 # the tool's own names: nothing that `ls` would garble
newest() { { ls -t "$@" 2>/dev/null || true; } | sed -n 1p; }
run=$(dirname "$(newest outputs/*/run.json)")
preview=$(newest "$run"/previews/*.png)
echo
echo "Run:     $PWD/$run"
echo "Pairs:   $PWD/outputs/demo.h5, with its card demo.README.md"
echo "Report:  $PWD/outputs/demo.html (open it in a browser)"
echo "Preview: ${preview:+$PWD/}${preview:-none was drawn}"
