"""Every setting of the tool, each with its reason or its source, and how files and options set them.

A run's configuration is made in layers, each over the last: the defaults below, the preset, what the chosen
estimator asks for, a TOML file, options. It is stored in the run folder and in every export.
"SPEC" is the published implementation's value.
"""

from __future__ import annotations

import dataclasses
import operator
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from poseaug_gen.errors import BadConfigError, PoseAugError, nearest

Range = tuple[float, float]  # lowest and highest, both included


@dataclass(frozen=True)
class SourceSettings:
    """The poses to learn from."""

    paths: tuple[str, ...] = ()  # files, folders, "anatomy"; none: what lies in data/, else anatomy
    skeleton: str = "h36m16"  # a built-in skeleton or a TOML file
    rig: str = "studio"  # the virtual cameras for poses in a world frame: studio, ring, FILE:NAME
    views: str = "each"  # each camera of the rig sees each pose, or one drawn at random
    joints: str = ""  # a TOML file of joint names and rules that goes before ours
    unit: str = "auto"  # of motion capture that does not say
    up: str = "auto"  # its vertical axis
    rows: int = 50_000  # poses that the built-in source makes: as many as cmu_everyday's through four cameras
    validation_share: float = 0.1  # of the poses, whole subjects, held out to choose the best epoch
    extra_2d: tuple[str, ...] = ()  # files of unpaired 2D poses that the 2D discriminator takes for real too
    # The paper's extra 2D poses came on top of the source's (PoseAug's issue 50). Half and half steers, and still
    # holds the augmentor to bodies whose joints are the source's own, which other people's annotations are not.
    extra_2d_share: float = 0.5  # of its real poses that are extra ones; 1: they alone


@dataclass(frozen=True)
class EstimatorSettings:
    """The reference estimator that gives feedback to the augmentor."""

    name: str = "videopose"  # the kind of lifter that the augmentor is to help
    channels: int = 1024  # SPEC: videopose and mlp 1,024, semgcn 128; Cai et al.: stgcn 128
    dropout: float = 0.25  # SPEC: videopose; mlp too in the published commands
    pretrain_learning_rate: float = 1e-3  # SPEC: semgcn 2e-2
    learning_rate: float = 1e-4  # SPEC, joint training: semgcn 1e-3


@dataclass(frozen=True)
class ScheduleSettings:
    """How long and how fast (SPEC, "Schedule")."""

    pretrain_epochs: int = 50  # SPEC; the estimator alone
    epochs: int = 50  # SPEC; joint training
    warmup_epochs: int = 2  # SPEC; the first joint epochs train the GAN alone, without feedback
    batch_size: int = 1024  # SPEC
    pretrain_decay: float = 0.96  # SPEC; learning rate factor every pretrain_decay_steps
    pretrain_decay_steps: int = 100_000  # SPEC
    augmentor_learning_rate: float = 1e-4  # SPEC; Adam
    discriminator_learning_rate: float = 1e-4  # SPEC; Adam, both discriminators
    discriminator_every: int = 2  # SPEC; steps of the augmentor for one of the discriminators
    gradient_norm: float = 1.0  # SPEC; every network's gradient is clipped to it


@dataclass(frozen=True)
class AugmentorSettings:
    """Size of the augmentor's networks."""

    noise: int = 48  # SPEC; length of each network's noise
    width: int = 256  # SPEC
    # SPEC's output layers start as Kaiming makes them: bodies begin turned every way at random depths, and the
    # published 76,000 steps sort that out. With a few thousand steps it pays to begin near the source instead:
    output_scale: float = 1.0  # SPEC; share of Kaiming's weights that the output layers start with
    start_at_source: bool = False  # SPEC; True: the translation starts at the source's mean root


@dataclass(frozen=True)
class LossSettings:
    """Weights and bands of the augmentor's loss (SPEC, "Losses")."""

    adversarial_2d: float = 1.0  # SPEC
    adversarial_3d: float = 6.0  # SPEC
    range: float = 3.0  # SPEC; weight of the angle and length ranges
    angle_target: float = 0.205  # SPEC; mean 1 - cos over the bones ...
    angle_band: float = 0.165  # SPEC; ... is free this far about the target (16 to 51 degrees)
    length_band: float = 0.1  # SPEC; length ratios are free up to here
    pool_size: int = 4096  # SPEC; fakes that each discriminator's history pool holds


@dataclass(frozen=True)
class FeedbackSettings:
    """How hard the estimator should find the augmented poses."""

    form: str = "range"  # "range": the published code; "exponential": the paper's eq. 9
    angle_target_start: float = 3.0  # SPEC; error(after bone angle) / error(source), first epoch ...
    angle_target_end: float = 5.0  # SPEC; ... and last
    angle_band: float = 2.0  # SPEC; free band about the target
    angle_weight: float = 0.1  # SPEC
    rigid_target: float = 17.0  # SPEC; the same ratio for the whole augmentation
    rigid_band: float = 15.0  # SPEC
    rigid_weight: float = 0.01  # SPEC
    # The paper says of beta only that it is above 1 and grows; these grow like the range form's target does
    # in proportion, from just above "as hard as the source".
    beta_start: float = 1.2  # beta in the first epoch ...
    beta_end: float = 2.0  # ... and in the last
    exponential_weight: float = 0.1  # as angle_weight: the two forms then start alike


@dataclass(frozen=True)
class VisibilitySettings:
    """Which pairs a camera could have taken; the others are dropped in training and redrawn in an export."""

    nearest: float = 0.3  # metres; a joint nearer than this is out of any lens's focus and frame
    farthest: float = 30.0  # metres; a person farther away is under 60 pixels high in a 1,000-pixel frame
    frame: float = 1.0  # share of the frame's half sides that joints may use


@dataclass(frozen=True)
class PostureSettings:
    """The postures that an export stands on (docs/experiments.md has what each is worth)."""

    # The augmentor's pairs stay near the source's views, and the bones that it turns do lifters elsewhere more harm
    # than good; the others are drawn.
    learned: float = 0.1  # share of an export's rows that the augmentor makes, as published
    # A source shows what its actors did; the built-in postures are of every kind that bodies take. They are learned
    # from and augmented like the source's own.
    built_in_rows: int = 25_000  # added to the training poses; 0: none. A source that is built-in gets none
    built_in: float = 0.8  # share of an export's rows that stand on them
    mirrored: float = 0.5  # share of postures that are mirrored: a left-handed actor for each right-handed one
    exchange_legs: float = 0.7  # share of postures that take both legs of another ...
    exchange_arms: float = 0.3  # ... and, each for itself, an arm
    # A posture is drawn in proportion to this power of how hard the judge finds it; 0: all alike.
    difficulty: float = 2.0
    judge_steps: int = 2000  # of the lifter that judges; it sees half source, half drawn pairs
    length_spread: float = 0.1  # of each bone, evenly either way: the source's few bodies are not all there are

    @property
    def draws(self) -> bool:
        """Whether an export has pairs beside the augmentor's."""
        return self.learned < 1


@dataclass(frozen=True)
class ViewSettings:
    """The cameras that an export draws, as the learned rigid transform reaches the source's alone (metres, degrees)."""

    lowest: float = 0.3  # of the camera over the floor: on the ground ...
    highest: float = 3.5  # ... to under a ceiling
    nearest: float = 2.8  # from the middle of where the person is, along the floor: across a small room ...
    farthest: float = 7.0  # ... or a hall
    aim: float = 0.95  # height of what it looks at: a standing person's middle ...
    aim_spread: float = 0.1  # ... by eye
    roll: float = 2.0  # standard deviation: on a tripod, not quite level
    own_lens: float = 0.3  # share of drawn cameras with the lens of one of the source's; the others' is chosen so that
    fills_least: float = 0.27  # a standing person fills at least this share of the frame's width ...
    fills_most: float = 0.48  # ... and at most this: there is room to move about
    wander: float = 1.2  # how far from there the person may be
    # Were the lowest joint mostly at one height, a lifter would read depths from how high in the frame a person is, and
    # be wrong wherever somebody climbs, jumps or stands on something (docs/experiments.md, "Height in the frame").
    sole: float = 0.05  # height of the lowest joint of who stands on the floor, an ankle's for most skeletons ...
    sole_spread: float = 0.03  # ... and its standard deviation
    raised: float = 0.5  # share of people whose feet are not on the floor, on a box or in the air ...
    raised_height: float = 1.0  # ... up to so high
    lean: float = 16.0  # standard deviation of how far the whole body leans over, beyond how it does in its posture


@dataclass(frozen=True)
class HealthSettings:
    """What counts as collapse, judged after every epoch, and how often a run may recover (docs/health.md).

    Bounds lie well outside of what some twenty real runs measured, published settings among them; docs/health.md has
    the figures.
    """

    attempts: int = 3  # times that one epoch is tried again; remedies halve and double, so the third changes eightfold
    recoveries: int = 10  # of a whole run: one that needs more has settings that do not suit its poses
    # Both shares of right answers (of real poses, of fakes) this near to 0 or 1: no answer carries information.
    # Healthy: means of 0.25 to 0.97.
    discriminator_margin: float = 0.01
    discriminator_steps: int = 200  # a new discriminator may be wrong throughout for so long
    score_spread: float = 1e-3  # scores that differ less do not depend on the pose; healthy 0.09 and more
    angle_change_min: float = 1e-3  # mean 1 - cos (2.6 degrees): less is no augmentation; healthy 0.015 to 0.59
    angle_change_max: float = 0.8  # 1 where limbs point anywhere, whatever the source
    length_change_min: float = 2e-3  # mean |ratio|; healthy 0.02 to 0.12
    length_at_limit: float = 0.5  # share of ratios within 2 % of the tanh's end; healthy up to 0.1
    pairwise_distance: float = 0.5  # of the source's: augmented poses are half as diverse; healthy 0.8 and more
    noise_distance: float = 0.02  # of the source's, among augmentations of one pose: noise has no effect; healthy 0.14
    invalid_share: float = 0.99  # of augmented pairs no camera could take; SPEC's start makes 94 % of them ...
    augmentor_steps: int = 500  # ... and takes a while to get people into the frame; after so many, 81 %
    root_distance: float = 6.0  # of the source's: a person at 5 m is then as far as visibility.farthest
    estimator_over_best: float = 2.0  # of its best error on real poses so far; healthy up to 1.26
    estimator_over_mean_pose: float = 20.0  # of the error of who always answers the mean pose; hardly trained: 2 to 12
    estimator_floor_mm: float = 50.0  # lower errors than this are never ill: published estimators make 40
    learning_steps: int = 1000  # of pre-training, after which an estimator must beat the mean pose; healthy: 100


@dataclass(frozen=True)
class RunSettings:
    """What does not change the method."""

    seed: int = 0  # of everything random
    device: str = "auto"  # auto | cpu | cuda | mps
    precision: str = "float32"  # of the networks' matrix products in training: float32, or bf16 where that is faster
    preview_every: int = 5  # epochs between preview pictures; 0: none


@dataclass(frozen=True)
class Config:
    """All settings of a training run."""

    source: SourceSettings = field(default_factory=SourceSettings)
    estimator: EstimatorSettings = field(default_factory=EstimatorSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    augmentor: AugmentorSettings = field(default_factory=AugmentorSettings)
    loss: LossSettings = field(default_factory=LossSettings)
    feedback: FeedbackSettings = field(default_factory=FeedbackSettings)
    visibility: VisibilitySettings = field(default_factory=VisibilitySettings)
    postures: PostureSettings = field(default_factory=PostureSettings)
    views: ViewSettings = field(default_factory=ViewSettings)
    health: HealthSettings = field(default_factory=HealthSettings)
    run: RunSettings = field(default_factory=RunSettings)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Sections of plain values, as TOML and JSON hold them."""
        sections = dataclasses.asdict(self)
        sections["source"]["paths"] = list(self.source.paths)
        sections["source"]["extra_2d"] = list(self.source.extra_2d)
        return sections

    def to_toml(self) -> str:
        return tomli_w.dumps(self.to_dict())


@dataclass(frozen=True)
class ExportSettings:
    """All settings of an export but its place; with the run and the shard's number they fix every byte.

    None leaves the choice to the run's own settings.
    """

    n: int = 1_000_000  # pairs
    seed: int = 0  # another one gives other pairs
    shard_rows: int = 1_000_000  # about 430 MB of h36m16: quick to hash, to copy and to make again
    precision: str = "auto"  # of the networks' matrix products: fp32, bf16, or bf16 where the processor has it
    device: str = "auto"  # cpu | cuda | auto: cuda where there is one; the two give other rows
    compression: str = "none"  # none | gzip | blosc (docs/scaling.md has what each saves and costs)
    # Who makes the augmentor's rows: the epoch after which the estimator did best, the last one, all, or "A:B".
    snapshots: str = "auto"
    cameras: str = "source"  # of the projection: as trained and drawn, "rig:RIG", or "fov:LO:HI" (degrees)
    frame: Range | None = None  # where a joint may be on either axis: -1 and 1 are the frame's edges
    depth: Range | None = None  # metres, of every joint
    within_limits: bool = False  # rows with a hip, knee, shoulder or elbow that is bent as none is are redrawn
    mirror: bool | None = None  # half of the postures are mirrored, or none
    balance: str = "none"  # none | view: even coverage of camera elevation and azimuth
    scores: bool = False  # the discriminators' scores of each pair
    min_score: float | None = None  # of the 3D discriminator, 1 for what looks real; rows below are redrawn
    difficulty: bool = False  # the estimator's error on the pair over its error on the source pose
    difficulty_range: Range | None = None  # rows outside are redrawn
    candidates: int = 1  # of so many draws for a posture, the one nearest the middle of difficulty_range is kept
    noise: str = "none"  # none | gaussian | mixture: 2D poses as a detector would find them, in columns of their own
    noise_scale: float = 1.0  # 1: as a person who marks joints by hand (docs/export.md)
    split: float = 0.0  # share of the rows that are for validation: on postures and bodies of subjects of their own


# Layers over the defaults. "paper" is SPEC as written, whose augmentor makes every pair. The other two are for two CPU
# cores and some 50,000 source pairs: a narrower estimator, smaller batches and a start near the source
# (docs/experiments.md).
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "quick": {
        "augmentor": {"output_scale": 0.1, "start_at_source": True},
        "estimator": {"channels": 256},
        "schedule": {"batch_size": 256, "pretrain_epochs": 4, "epochs": 6},
        "postures": {"built_in_rows": 10_000, "judge_steps": 1000},
    },
    "standard": {
        "augmentor": {"output_scale": 0.1, "start_at_source": True},
        "estimator": {"channels": 256},
        "schedule": {"batch_size": 256, "pretrain_epochs": 10, "epochs": 16},
    },
    "paper": {
        "postures": {
            "learned": 1.0,
            "built_in_rows": 0,
            "mirrored": 0.0,
            "exchange_legs": 0.0,
            "exchange_arms": 0.0,
            "difficulty": 0.0,
            "length_spread": 0.0,
        },
    },
}
DEFAULT_PRESET = "standard"

# What an estimator asks for where it differs from videopose (SPEC, "Schedule" and "Estimators"; PoseAug's TRAIN.md).
ESTIMATOR_LAYERS: dict[str, dict[str, dict[str, Any]]] = {
    "semgcn": {
        "estimator": {
            "channels": 128,
            "dropout": 0.0,
            "pretrain_learning_rate": 2e-2,
            "learning_rate": 1e-3,
        }
    },
    "stgcn": {"estimator": {"channels": 128, "dropout": 0.0}},
}
PAPER_SEMGCN_PRETRAIN_EPOCHS = 100  # SPEC; the only length that differs between estimators

LARGEST_SEED = 2**63 - 1  # what a whole number of HDF5 and of torch holds

BOUNDS: dict[str, tuple[float, float]] = {  # of a setting, inclusive
    "source.validation_share": (0.0, 0.9),
    "source.rows": (1, 10**9),
    "source.extra_2d_share": (0.0, 1.0),
    "estimator.channels": (1, 65536),
    "estimator.dropout": (0.0, 0.95),
    "schedule.pretrain_epochs": (0, 100_000),
    "schedule.epochs": (1, 100_000),
    "schedule.warmup_epochs": (0, 100_000),
    "schedule.batch_size": (2, 1 << 20),
    "schedule.pretrain_decay_steps": (1, 10**12),
    "schedule.discriminator_every": (1, 1_000_000),
    "augmentor.noise": (1, 65536),
    "augmentor.width": (1, 65536),
    "loss.pool_size": (1, 1 << 24),
    "visibility.nearest": (1e-3, 1e6),
    "visibility.frame": (1e-3, 1.0),
    "postures.learned": (0.0, 1.0),
    "postures.built_in_rows": (0, 10**8),
    "postures.built_in": (0.0, 1.0),
    "postures.mirrored": (0.0, 1.0),
    "postures.exchange_legs": (0.0, 1.0),
    "postures.exchange_arms": (0.0, 1.0),
    "postures.length_spread": (0.0, 0.2),
    "postures.difficulty": (0.0, 10.0),
    "postures.judge_steps": (0, 10**9),
    "views.own_lens": (0.0, 1.0),
    "views.lowest": (0.0, 1e4),
    "views.highest": (0.0, 1e4),
    "views.nearest": (0.1, 1e4),
    "views.farthest": (0.1, 1e4),
    "views.fills_least": (1e-3, 10.0),
    "views.fills_most": (1e-3, 10.0),
    "views.raised": (0.0, 1.0),
    "views.raised_height": (0.0, 1e4),
    "health.attempts": (0, 100),
    "health.recoveries": (0, 10_000),
    "health.discriminator_margin": (0.0, 0.5),
    "health.length_at_limit": (0.0, 1.0),
    "health.invalid_share": (0.0, 1.0),
    "run.seed": (0, LARGEST_SEED),
    "run.preview_every": (0, 1_000_000),
    "export.n": (1, 10**12),
    "export.seed": (0, LARGEST_SEED),
    "export.shard_rows": (1, 10**9),
    "export.frame": (-1.0, 1.0),
    "export.depth": (1e-3, 1e6),
    "export.difficulty_range": (0.0, 1e6),
    "export.min_score": (-1e6, 1e6),
    "export.candidates": (1, 1024),
    "export.noise_scale": (0.0, 100.0),
    "export.split": (0.0, 0.9),
}
_ORDERED = (  # the first must not be over the second
    ("visibility.nearest", "visibility.farthest"),
    ("views.lowest", "views.highest"),
    ("views.nearest", "views.farthest"),
    ("views.fills_least", "views.fills_most"),
)
CHOICES: dict[str, tuple[str, ...]] = {  # of a setting that is one of some words
    "source.views": ("each", "one"),
    "source.up": ("auto", "x", "y", "z"),
    "estimator.name": ("videopose", "mlp", "semgcn", "stgcn"),
    "feedback.form": ("range", "exponential"),
    "run.precision": ("float32", "bf16"),
    "run.device": ("auto", "cpu", "cuda", "mps"),
    "export.precision": ("auto", "fp32", "bf16"),
    "export.device": ("auto", "cpu", "cuda"),
    "export.compression": ("none", "gzip", "blosc"),
    "export.balance": ("none", "view"),
    "export.noise": ("none", "gaussian", "mixture"),
}


def resolve(preset: str | None = None, file: Path | None = None, options: Mapping[str, Any] | None = None) -> Config:
    """The configuration that a preset, a TOML file and dotted options (``schedule.epochs``) give together.

    Raises:
        BadConfigError: an unknown key, or a value of the wrong type or out of bounds.
        PoseAugError: the file cannot be read.
    """
    from_file = _read_toml(file) if file else {}
    preset = _checked_preset(preset or from_file.pop("preset", DEFAULT_PRESET))
    from_file.pop("preset", None)
    from_options: dict[str, dict[str, Any]] = {}
    for dotted, value in (options or {}).items():
        section, _, key = dotted.partition(".")
        from_options.setdefault(section, {})[key] = value
    merged = merge(Config().to_dict(), from_file, str(file))
    estimator = merge(merged, from_options, "option")["estimator"]["name"]
    special = ESTIMATOR_LAYERS.get(str(estimator), {})
    if (preset, estimator) == ("paper", "semgcn"):
        special = {**special, "schedule": {"pretrain_epochs": PAPER_SEMGCN_PRETRAIN_EPOCHS}}
    merged = Config().to_dict()
    for layer, where in (
        (PRESETS[preset], f"preset {preset}"),
        (special, f"estimator {estimator}"),
        (from_file, str(file)),
        (from_options, "option"),
    ):
        merged = merge(merged, layer, where)
    return config_from_dict(merged)


def chosen_preset(preset: str | None = None, file: Path | None = None) -> str:
    """The preset that is named, else the one that a TOML file names, else the default.

    Raises:
        BadConfigError: there is no such preset.
        PoseAugError: the file cannot be read.
    """
    return _checked_preset(preset or (_read_toml(file) if file else {}).get("preset", DEFAULT_PRESET))


def _checked_preset(preset: Any) -> str:
    if not isinstance(preset, str) or preset not in PRESETS:
        raise BadConfigError(f"no preset {preset!r}; {nearest(str(preset), PRESETS)}")
    return preset


def merge(base: Mapping[str, Mapping], layer: Mapping[str, Any], where: str) -> dict[str, dict[str, Any]]:
    """``base`` with the values of ``layer`` over it; every key of ``layer`` must be in ``base``.

    Raises:
        BadConfigError: one is not; the sentence names the nearest that is.
    """
    result = {section: dict(values) for section, values in base.items()}
    dotted = [f"{section}.{key}" for section, values in base.items() for key in values]
    for section, values in layer.items():
        if section not in result or not isinstance(values, Mapping):
            raise BadConfigError(f"{where}: no setting {section!r}; {nearest(section, [*result, *dotted])}")
        for key, value in values.items():
            if key not in result[section]:
                name = f"{section}.{key}"
                raise BadConfigError(f"{where}: no setting {name!r}; {nearest(name, dotted)}")
            result[section][key] = value
    return result


def config_from_dict(sections: Mapping[str, Mapping[str, Any]]) -> Config:
    """A checked configuration from its plain form.

    Raises:
        BadConfigError: an unknown key, a wrong type or a value out of bounds.
    """
    merged = merge(Config().to_dict(), sections, "config")
    kinds = typing.get_type_hints(Config)
    config = Config(**{section: _build(kinds[section], section, values) for section, values in merged.items()})
    for low, high in _ORDERED:
        least, most = (operator.attrgetter(name)(config) for name in (low, high))
        if least > most:
            raise BadConfigError(f"{low} = {least} must not be over {high} = {most}")
    return config


def export_from_dict(values: Mapping[str, Any]) -> ExportSettings:
    """Checked export settings from their plain form. Raises as :func:`config_from_dict`."""
    merged = merge({"export": dataclasses.asdict(ExportSettings())}, {"export": values}, "export")
    settings = _build(ExportSettings, "export", merged["export"])
    if settings.candidates > 1 and settings.difficulty_range is None:
        raise BadConfigError(
            f"export.candidates = {settings.candidates}: of so many draws the one nearest the wished difficulty is "
            f"kept, so set export.difficulty_range too"
        )
    return settings


def parse_option(text: str) -> tuple[str, Any]:
    """``schedule.epochs=3`` as ("schedule.epochs", 3); values are written as in TOML, strings may be bare.

    Raises:
        BadConfigError: there is no ``=``.
    """
    key, equals, value = text.partition("=")
    if not equals:
        raise BadConfigError(f"--set {text!r} has no value; write section.key=value")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


def differences(old: Mapping[str, Mapping], new: Mapping[str, Mapping]) -> list[str]:
    """The settings that differ, one ``key: old -> new`` each."""
    return [
        f"{section}.{key}: {old.get(section, {}).get(key)!r} -> {value!r}"
        for section, values in new.items()
        for key, value in values.items()
        if old.get(section, {}).get(key) != value
    ]


def _build(kind: type, section: str, values: Mapping[str, Any]) -> Any:
    """A settings class from plain values, each of the type and within the bounds its field asks."""
    hints = typing.get_type_hints(kind)
    return kind(**{key: _checked(f"{section}.{key}", value, hints[key]) for key, value in values.items()})


def _checked(name: str, value: Any, kind: Any) -> Any:
    """``value`` as ``kind``, or an error that names the setting."""
    if isinstance(kind, types.UnionType):  # X | None
        return None if value is None else _checked(name, value, typing.get_args(kind)[0])
    if kind == Range:
        return _checked_range(name, value)
    if isinstance(kind, types.GenericAlias):  # tuple[str, ...]
        value = (value,) if isinstance(value, str) else value
        if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
            raise BadConfigError(f"{name} = {value!r} must be a list of strings")
        return tuple(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise BadConfigError(f"{name} = {value!r} must be {_TYPE_NAMES[kind]}")
    if name in CHOICES and value not in CHOICES[name]:
        raise BadConfigError(f"{name} = {value!r} is unknown; {nearest(value, CHOICES[name])}")
    if kind in (int, float):
        low, high = BOUNDS.get(name, (0, float("inf")))
        if not low <= value <= high:
            raise BadConfigError(f"{name} = {value!r} must be between {low} and {high}")
    return value


def _checked_range(name: str, value: Any) -> Range:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise BadConfigError(f"{name} = {value!r} must be two numbers, lowest and highest")
    low, high = (_checked(name, end, float) for end in value)
    if not low < high:
        raise BadConfigError(f"{name}: its lowest, {low:g}, must be under its highest, {high:g}")
    return low, high


_TYPE_NAMES = {int: "a whole number", float: "a number", str: "a string", bool: "true or false"}


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PoseAugError(f"{path}: cannot be read: {error.strerror}; give the path of a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PoseAugError(f"{path}: not valid TOML: {error}") from error
