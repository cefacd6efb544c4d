"""Settings: SPEC's constants as defaults, layers in their order, and mistakes named with their mend."""

import dataclasses
import json
import tomllib

import pytest

from poseaug_gen.config import (
    DEFAULT_PRESET,
    ESTIMATOR_LAYERS,
    PRESETS,
    Config,
    ExportSettings,
    chosen_preset,
    config_from_dict,
    differences,
    export_from_dict,
    merge,
    parse_option,
    resolve,
)
from poseaug_gen.errors import BadConfigError, PoseAugError

# SPEC's constants, each where it is written there.
SPEC = {
    "schedule": {
        "pretrain_epochs": 50,
        "epochs": 50,
        "warmup_epochs": 2,
        "batch_size": 1024,
        "pretrain_decay": 0.96,
        "pretrain_decay_steps": 100_000,
        "augmentor_learning_rate": 1e-4,
        "discriminator_learning_rate": 1e-4,
        "discriminator_every": 2,
        "gradient_norm": 1.0,
    },
    "estimator": {
        "name": "videopose",
        "channels": 1024,
        "dropout": 0.25,
        "pretrain_learning_rate": 1e-3,
        "learning_rate": 1e-4,
    },
    "augmentor": {"noise": 48, "width": 256},
    "loss": {
        "adversarial_2d": 1.0,
        "adversarial_3d": 6.0,
        "range": 3.0,
        "angle_target": 0.205,
        "angle_band": 0.165,
        "length_band": 0.1,
        "pool_size": 4096,
    },
    "feedback": {
        "form": "range",
        "angle_target_start": 3.0,
        "angle_target_end": 5.0,
        "angle_band": 2.0,
        "angle_weight": 0.1,
        "rigid_target": 17.0,
        "rigid_band": 15.0,
        "rigid_weight": 0.01,
    },
    # SPEC's augmentor makes every pair, from the postures and bodies of the source, as often as they are there.
    "postures": {
        "learned": 1.0,
        "built_in_rows": 0,
        "mirrored": 0.0,
        "exchange_legs": 0.0,
        "exchange_arms": 0.0,
        "difficulty": 0.0,
        "length_spread": 0.0,
    },
}


@pytest.fixture
def write(tmp_path):
    """Writes a TOML file and gives its path."""

    def write(text: str):
        path = tmp_path / "settings.toml"
        path.write_text(text)
        return path

    return write


# --- values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("section", "key"), [(section, key) for section, keys in SPEC.items() for key in keys])
def test_the_paper_preset_is_spec(section, key):
    assert getattr(getattr(resolve("paper"), section), key) == SPEC[section][key]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("estimator", ["videopose", "mlp", "semgcn", "stgcn"])
def test_every_preset_resolves_with_every_estimator(preset, estimator):
    assert resolve(preset, options={"estimator.name": estimator}).estimator.name == estimator


# --- layers ---------------------------------------------------------------------------------------------------


def test_without_anything_the_default_preset_holds():
    assert resolve() == resolve(DEFAULT_PRESET)


def test_each_layer_goes_over_the_last(write):
    """preset < estimator < file < option, shown on the one setting that presets and estimators both set."""
    option = {"estimator.name": "semgcn"}
    file = write("estimator.channels = 77")
    preset_channels = PRESETS["quick"]["estimator"]["channels"]
    semgcn_channels = ESTIMATOR_LAYERS["semgcn"]["estimator"]["channels"]
    assert len({Config().estimator.channels, preset_channels, semgcn_channels, 77, 99}) == 5
    assert resolve("quick").estimator.channels == preset_channels
    assert resolve("quick", options=option).estimator.channels == semgcn_channels
    assert resolve("quick", file, option).estimator.channels == 77
    assert resolve("quick", file, option | {"estimator.channels": 99}).estimator.channels == 99


def test_the_estimator_may_be_named_in_the_file_or_overridden_by_an_option(write):
    file = write('estimator.name = "semgcn"')
    assert resolve(file=file).estimator.learning_rate == ESTIMATOR_LAYERS["semgcn"]["estimator"]["learning_rate"]
    over = resolve("paper", file, {"estimator.name": "mlp"})
    assert over.estimator.name == "mlp"
    assert over.estimator.learning_rate == Config().estimator.learning_rate


def test_a_file_may_name_its_preset_and_the_command_line_another(write):
    file = write('preset = "paper"\n[run]\nseed = 5')
    assert resolve(file=file) == resolve("paper", options={"run.seed": 5})
    assert resolve("quick", file) == resolve("quick", options={"run.seed": 5})


def test_a_layer_leaves_what_it_does_not_name():
    base = {"a": {"x": 1, "y": 2}, "b": {"z": 3}}
    assert merge(base, {"a": {"y": 5}}, "test") == {"a": {"x": 1, "y": 5}, "b": {"z": 3}}
    assert base == {"a": {"x": 1, "y": 2}, "b": {"z": 3}}


# --- round trips ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
def test_the_toml_of_a_configuration_reads_back_as_it(preset, write):
    options = {"source.paths": ["a.npz", "b.h5"], "source.rig": "rigs.json:h36m", "run.seed": 2**63 - 1}
    config = resolve(preset, options=options)
    assert config_from_dict(tomllib.loads(config.to_toml())) == config
    # Over any preset, since every setting is written out.
    assert resolve("quick", write(config.to_toml())) == config


def test_a_configuration_of_an_older_version_gets_the_defaults_it_lacks():
    assert config_from_dict({"run": {"seed": 3}}) == dataclasses.replace(
        Config(), run=dataclasses.replace(Config().run, seed=3)
    )


# --- mistakes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("schedule.epoch", "schedule.epochs"),
        ("schedul.epochs", "schedule"),
        ("epochs", "schedule.epochs"),
        ("loss.angel_band", "loss.angle_band"),
        ("run.sead", "run.seed"),
    ],
)
def test_an_unknown_option_names_the_nearest(key, nearest):
    with pytest.raises(
        BadConfigError, match=rf"no setting '{key}'; did you mean '{nearest}'\?|did you mean '{nearest}'"
    ):
        resolve(options={key: 1})


def test_an_unknown_key_of_a_file_names_the_file_and_the_nearest(write):
    path = write("[schedule]\nbatchsize = 3")
    with pytest.raises(BadConfigError, match=r"did you mean 'schedule\.batch_size'\?") as error:
        resolve(file=path)
    assert str(error.value).startswith(f"{path}: ")


@pytest.mark.parametrize("name", ["quik", "papr", "Standard"])
def test_an_unknown_preset_is_refused(name):
    with pytest.raises(BadConfigError, match=rf"no preset '{name}'; did you mean"):
        resolve(name)


@pytest.mark.parametrize(
    ("key", "value", "must"),
    [
        ("schedule.epochs", 3.5, "a whole number"),
        ("schedule.epochs", "3", "a whole number"),
        ("schedule.epochs", True, "a whole number"),
        ("schedule.gradient_norm", "1", "a number"),
        ("schedule.gradient_norm", False, "a number"),
        ("source.skeleton", 16, "a string"),
        ("source.paths", 3, "a list of strings"),
        ("source.paths", ["a", 3], "a list of strings"),
        ("source.validation_share", 0.95, "between 0.0 and 0.9"),
        ("source.validation_share", -0.1, "between"),
        ("schedule.epochs", 0, "between 1 and"),
        ("schedule.batch_size", 1, "between 2 and"),  # batch norm needs two
        ("schedule.gradient_norm", -1.0, "between 0 and"),
        ("schedule.gradient_norm", float("nan"), "between"),
        ("visibility.frame", 1.5, "between"),
        ("visibility.nearest", 0.0, "between"),
        ("run.seed", -1, "between"),
    ],
)
def test_a_value_of_the_wrong_type_or_out_of_bounds_is_refused(key, value, must):
    with pytest.raises(BadConfigError, match=must) as error:
        resolve(options={key: value})
    assert str(error.value).startswith(f"{key} = ")


@pytest.mark.parametrize(
    ("key", "value", "nearest"),
    [
        ("estimator.name", "videopos", "videopose"),
        ("estimator.name", "semgnc", "semgcn"),
        ("feedback.form", "rnge", "range"),
        ("run.device", "gpu", "cpu"),
        ("run.device", "cuda:0", "cuda"),
    ],
)
def test_an_unknown_choice_names_the_nearest(key, value, nearest):
    with pytest.raises(BadConfigError, match=rf"did you mean '{nearest}'\?"):
        resolve(options={key: value})


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ("visibility.nearest", "visibility.farthest"),
        ("views.lowest", "views.highest"),
        ("views.nearest", "views.farthest"),
        ("views.fills_least", "views.fills_most"),
    ],
)
def test_the_least_of_a_range_must_not_be_over_its_most(low, high):
    with pytest.raises(BadConfigError) as caught:
        resolve(options={low: 2, high: 1})
    assert str(caught.value) == f"{low} = 2.0 must not be over {high} = 1.0"
    resolve(options={low: 0.5, high: 0.5})  # both alike is a range too


@pytest.mark.parametrize("name", ["views.lowest", "views.highest", "views.nearest", "views.raised_height"])
def test_what_a_camera_is_drawn_from_is_finite(name):
    with pytest.raises(BadConfigError, match=rf"{name} = inf must be between"):
        resolve(options={name: float("inf")})


@pytest.mark.parametrize("content", ["a = = 1", "[schedule", "\udcff"])
def test_a_file_that_is_not_toml_is_named(tmp_path, content):
    path = tmp_path / "settings.toml"
    path.write_text(content, errors="surrogateescape")
    with pytest.raises(PoseAugError, match="not valid TOML") as error:
        resolve(file=path)
    assert str(path) in str(error.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(PoseAugError, match="cannot be read"):
        resolve(file=tmp_path / "nothing.toml")


@pytest.mark.parametrize("content", ["schedule = 3", "schedule = [1, 2]"])
def test_a_section_that_is_none_is_refused(write, content):
    with pytest.raises(BadConfigError, match="schedule"):
        resolve(file=write(content))


# --- the small parts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("schedule.epochs=3", ("schedule.epochs", 3)),
        ("run.seed = 7", ("run.seed", 7)),
        ("schedule.gradient_norm=1e-3", ("schedule.gradient_norm", 1e-3)),
        ("estimator.name=mlp", ("estimator.name", "mlp")),
        ('estimator.name="mlp"', ("estimator.name", "mlp")),
        ("source.rig=rigs.json:h36m", ("source.rig", "rigs.json:h36m")),
        ('source.paths=["a.npz", "b=c.npz"]', ("source.paths", ["a.npz", "b=c.npz"])),
        ("source.paths=/data/2024-01=x.npz", ("source.paths", "/data/2024-01=x.npz")),
        ("source.rig=", ("source.rig", "")),
    ],
)
def test_an_option_is_parsed_as_toml_or_as_a_bare_string(text, expected):
    assert parse_option(text) == expected


def test_an_option_without_a_value_is_refused():
    with pytest.raises(BadConfigError, match=r"write section\.key=value"):
        parse_option("schedule.epochs")


def test_one_path_may_be_given_bare():
    assert resolve(options=dict([parse_option("source.paths=a.npz")])).source.paths == ("a.npz",)


def test_a_whole_number_will_do_for_a_number():
    value = resolve(options={"schedule.gradient_norm": 2}).schedule.gradient_norm
    assert (value, type(value)) == (2.0, float)


def test_differences_name_each_setting_with_both_values():
    old = resolve("quick").to_dict()
    new = resolve("quick", options={"schedule.epochs": 99, "run.device": "cpu"}).to_dict()
    assert differences(old, old) == []
    assert sorted(differences(old, new)) == [
        "run.device: 'auto' -> 'cpu'",
        f"schedule.epochs: {old['schedule']['epochs']} -> 99",
    ]


def test_differences_show_what_an_older_version_did_not_have():
    assert differences({"run": {}}, {"run": {"seed": 3}}) == ["run.seed: None -> 3"]


# --- export ---------------------------------------------------------------------------------------------------


def test_export_settings_are_checked_like_the_others():
    assert export_from_dict({"n": 10}) == ExportSettings(n=10)
    with pytest.raises(BadConfigError, match=r"did you mean 'export\.shard_rows'\?"):
        export_from_dict({"shard_row": 10})
    with pytest.raises(BadConfigError, match=r"export\.n = 0 must be between 1"):
        export_from_dict({"n": 0})
    with pytest.raises(BadConfigError, match=r"export\.scores = 1 must be true or false"):
        export_from_dict({"scores": 1})


@pytest.mark.parametrize(
    ("name", "value", "must"),
    [
        ("depth", (0.0, 8.0), r"export\.depth = 0\.0 must be between 0\.001"),
        ("depth", (2, float("inf")), r"export\.depth = inf must be between"),
        ("depth", (8.0, 2.0), r"export\.depth: its lowest, 8, must be under its highest, 2"),
        ("depth", (2.0,), r"export\.depth = \(2\.0,\) must be two numbers"),
        ("depth", "2:8", r"export\.depth = '2:8' must be two numbers"),
        ("frame", (-1.5, 1.0), r"export\.frame = -1\.5 must be between -1\.0 and 1\.0"),
        ("frame", (0.5, 0.5), r"export\.frame: its lowest, 0\.5, must be under"),
        ("difficulty_range", (-0.1, 2.0), r"export\.difficulty_range = -0\.1 must be between 0\.0"),
        ("difficulty_range", (1.0, "2"), r"export\.difficulty_range = '2' must be a number"),
        ("min_score", float("nan"), r"export\.min_score = nan must be between"),
        ("candidates", 4, r"export\.candidates = 4: .* set export\.difficulty_range too"),
        ("candidates", 0, r"export\.candidates = 0 must be between 1"),
        ("noise", "gausian", r"did you mean 'gaussian'\?"),
        ("split", 1.0, r"export\.split = 1\.0 must be between 0\.0 and 0\.9"),
        ("mirror", 1, r"export\.mirror = 1 must be true or false"),
    ],
)
def test_an_export_that_cannot_be_made_is_refused(name, value, must):
    with pytest.raises(BadConfigError, match=must):
        export_from_dict({name: value})


def test_what_an_export_leaves_to_its_run_is_none_and_the_rest_reads_back():
    asked = ExportSettings(depth=(2.0, 8.0), difficulty_range=(1.0, 3.0), candidates=4, min_score=0.2, mirror=False)
    assert export_from_dict(dataclasses.asdict(asked)) == asked
    plain = json.loads(json.dumps(dataclasses.asdict(asked)))
    assert export_from_dict(plain) == asked, "as the file holds them"
    assert ExportSettings().depth is ExportSettings().frame is ExportSettings().mirror is None


def test_the_preset_is_the_one_named_else_the_files_else_the_default(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('preset = "quick"\n')
    assert chosen_preset() == DEFAULT_PRESET
    assert chosen_preset(None, file) == "quick"
    assert chosen_preset("paper", file) == "paper"
    file.write_text('preset = "quik"\n')
    with pytest.raises(BadConfigError, match="quick"):
        chosen_preset(None, file)
