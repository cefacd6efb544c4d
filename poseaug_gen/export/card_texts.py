"""What every card says in the same words, and the code on it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from poseaug_gen.config import ExportSettings
from poseaug_gen.export.layout import Layout
from poseaug_gen.export.licences import OTHER, UNKNOWN

TAGS = (
    "3d-human-pose-estimation",
    "human-pose",
    "pose-lifting",
    "data-augmentation",
    "poseaug",
    "synthetic",
    "hdf5",
)

INTRODUCTION = """\
Pairs of a 3D human pose and what a camera sees of it, each with its camera, to train 2D-to-3D pose lifters on. They
were made by poseaug-gen, which learns PoseAug's augmentor (Gong, Zhang and Feng, CVPR 2021,
[arXiv:2105.02465](https://arxiv.org/abs/2105.02465)) from 3D poses, and draws further postures, bodies and cameras
beside it. Every pair is synthetic: there are no images."""

DERIVED = "These pairs derive from the poses above, whose licences apply to them: read them before you pass this on."
_NO_WORD = f"{DERIVED} The Hub has no word for them: put their text beside this card as `LICENSE`."
_NOT_STATED = f"{DERIVED} Where none is stated, nothing is known: ask those who made the poses."
LICENCES = {OTHER: _NO_WORD, UNKNOWN: _NOT_STATED}  # by the Hub's word; elsewhere DERIVED says it all
OWN_LICENCE = """\
Nobody's recordings went in, so nobody else's licence applies: whoever publishes these pairs chooses one, and replaces
`license` at the head of this card by it."""


def frames(joints: int) -> str:
    """Frames, units and the camera's formula."""
    return f"""\
## Units and frames

Camera frame: metres, x right, y down, z forward. The 2D plane has half the image's width for its unit on both axes:
`x = 2u/w - 1`, `y = 2v/w - h/w` for a pixel (u, v) of an image of w × h, so `u = (x + 1) w/2`, `v = (y + h/w) w/2`.
With `(f, c, k, p)` the row's `intrinsics` (`fx fy`, `cx cy`, `k1 k2 k3`, `p1 p2`) and joint (X, Y, Z):

```python
xy = np.clip(pose[..., :2] / pose[..., 2:], -1, 1)  # pose: ({joints}, 3)
r2 = (xy**2).sum(-1, keepdims=True)
uv = f * (xy * (1 + k[0] * r2 + k[1] * r2**2 + k[2] * r2**3 + (xy * p).sum(-1, keepdims=True)) + p * r2) + c
```

The tangential pair is in VideoPose3D's order, which is the reverse of Human3.6M's and MMPose's, and the formula is not
OpenCV's. `pose = R(rotation) body + translation`, with R of a rotation vector (axis times angle, radians)."""


_SPLIT = """
validation = pairs.filter(lambda split: split == 1, input_columns="split")  # people, or actions, of their own
pairs = pairs.filter(lambda split: split == 0, input_columns="split")"""


def loading(layout: Layout, joints: int, settings: ExportSettings) -> str:
    """Code that reads the export; it runs as it stands where the files are."""
    name = json.dumps(layout.out.name)
    blosc, check = settings.compression == "blosc", f"poseaug-gen verify {layout.out.name}"
    plugin = "import hdf5plugin  # the filter that the file is compressed with\n" if blosc else ""
    shards = f" Where a shard is missing it reads NaN without an error: `{check}` tells." if layout.sharded else ""
    split = _SPLIT if settings.split else ""
    return f"""\
## Load it

With h5py, in blocks of whole chunks (4,096 rows); shuffle within them.{shards}

```python
import h5py
{plugin}
def blocks(path, rows=65_536):
    with h5py.File(path) as file:
        for start in range(0, len(file["positions_3d"]), rows):
            seen = file["positions_2d"][start : start + rows]
            pose = file["positions_3d"][start : start + rows]
            yield seen, pose - pose[:, :1]  # root-relative, as lifters predict it

for seen, target in blocks({name}):
    print(seen.shape, target.shape)
```

In PyTorch and TensorFlow:

```python
import torch

for seen, target in blocks({name}):
    block = torch.utils.data.TensorDataset(torch.from_numpy(seen), torch.from_numpy(target))
    for seen, target in torch.utils.data.DataLoader(block, batch_size=1024, shuffle=True):
        ...
```

```python
import tensorflow as tf

spec = tf.TensorSpec((None, {joints}, 2)), tf.TensorSpec((None, {joints}, 3))
pairs = tf.data.Dataset.from_generator(lambda: blocks({name}), output_signature=spec).rebatch(1024).prefetch(2)
```

With HuggingFace's `datasets`; for a folder of yours where this card is `README.md`, give its whole path:

```python
from datasets import load_dataset
{plugin}
pairs = load_dataset("USER/NAME", split="train").with_format("numpy"){split}
```"""


def kinds(share: float, settings: ExportSettings) -> str:
    """Who makes the rows, of which a share is the augmentor's."""
    posture = (
        "Every pair stands on a posture that went in, whole or with the limbs of others, as it was or mirrored, on the "
        "body of somebody who went in (`config.train.postures` has the shares)."
    )
    learned = "the frozen augmentor, which turned and lengthened bones and moved the body (`snapshot` is its epoch)"
    drawn = "other bone lengths and a camera that was drawn (`snapshot` is 0)"
    filters = (settings.frame, settings.depth, settings.within_limits or None, settings.min_score)
    filtered = any(f is not None for f in (*filters, settings.difficulty_range))
    changed = " The filters that were asked for change these shares." if filtered else ""
    if share == 1:
        return f"{posture} All were given to {learned}."
    if share == 0:
        return f"{posture} All got {drawn}."
    return f"{posture} Of a hundred, about {100 * share:.3g} were given to {learned}; the others got {drawn}.{changed}"


def limits(settings: ExportSettings, columns: Sequence[str]) -> str:
    """What these pairs are not."""
    seen = "`positions_2d` is the exact projection: no detector's errors are in it."
    if "detected_2d" in columns:
        seen += " `detected_2d` imitates them, but never takes left for right or another person's joint."
    checked = "Depth, frame, bone lengths, projection and the ranges of hips, knees, shoulders and elbows"
    if not settings.within_limits:
        checked = "Depth, frame, bone lengths and projection"
    return f"""\
## Limits and biases

- **Derived.** Bodies, activities, joint definitions and errors of capture are those of the source, varied; who and
  what it lacks is mostly lacking here. The built-in postures are of adults of average build.
- **No identities.** Rows hold no names. Bone lengths are those of the source's people, changed by up to a fifth;
  `source_index` counts rows of the run's own `poses.h5`, which is not part of this.
- **No motion.** Rows are single frames in random order; neighbours have nothing to do with each other.
- **Plausible, not proven.** {checked} of every row were checked. Whether limbs pass
  through each other, feet stand on a floor or a body could keep its balance was not.
- **Nobody is hidden.** One person, wholly within the frame, nothing in front of anybody.
- **Clean.** {seen}
- **Views are chosen**, not found: cameras as the settings draw them, not as any place of yours has them.

A lifter trained on these pairs should be tested on recordings of real people before it is relied on, and not be used to
tell who somebody is."""


def citation(version: str) -> str:
    """What to cite: the method, and the tool."""
    return f"""\
## Cite

```bibtex
@inproceedings{{gong2021poseaug,
  title     = {{PoseAug: A Differentiable Pose Augmentation Framework for 3D Human Pose Estimation}},
  author    = {{Gong, Kehong and Zhang, Jianfeng and Feng, Jiashi}},
  booktitle = {{Proceedings of the IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)}},
  pages     = {{8575--8584}},
  year      = {{2021}}
}}

@software{{poseaug_gen,
  title   = {{poseaug-gen}},
  author  = {{{{poseaug-gen contributors}}}},
  version = {{{version}}}
}}
```"""
