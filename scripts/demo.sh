#!/usr/bin/env bash
# Poses in, augmented pairs out: trains, exports, verifies, and says what to look at. `make demo` runs it with the environment on PATH.
set -euo pipefail
cd "$(dirname "$0")/.."

shared=${POSEAUG_SHARED:-../shared}
source=${DEMO_SOURCE:-$shared/data/cmu_everyday.npz} # 3D poses
rig=${DEMO_RIG:-$shared/data/rigs.json:studio}       # FILE:NAME, the cameras that look at them
rows=${DEMO_ROWS:-200000}                            # pairs to export
preset=${DEMO_PRESET:-quick}                         # how long to train
options=${DEMO_OPTIONS:-}                            # more options for `poseaug-gen train`
folder=${DEMO_DIR:-.}                                # where outputs/ is written

if [[ ! -e $source ]]; then
    echo "There are no poses at $source: give the demo yours with make demo DEMO_SOURCE=poses.npz DEMO_RIG=rigs.json:studio." >&2
    exit 1
fi

# Absolute, because the commands below run in $folder.
source=$(realpath "$source")
rig=$(realpath "${rig%:*}"):${rig##*:}
mkdir -p "$folder/outputs"
cd "$folder"

# shellcheck disable=SC2086 # $options is several words
poseaug-gen train --source "$source" --rig "$rig" --preset "$preset" $options
poseaug-gen export --n "$rows" --out outputs/demo.h5 --overwrite
poseaug-gen verify outputs/demo.h5

# shellcheck disable=SC2012 # the tool's own names: nothing that `ls` would garble
newest() { { ls -t "$@" 2>/dev/null || true; } | sed -n 1p; }
run=$(dirname "$(newest outputs/*/run.json)")
preview=$(newest "$run"/previews/*.png)
echo
echo "Run:     $PWD/$run"
echo "Pairs:   $PWD/outputs/demo.h5"
echo "Preview: ${preview:+$PWD/}${preview:-none was drawn}"
