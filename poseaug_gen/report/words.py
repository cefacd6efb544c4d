"""What the page says in words of what it is about: the facts at its head, what it lacks, and which way is up."""

from __future__ import annotations

from poseaug_gen.report.material import Material
from poseaug_gen.report.tables import health_of, records_of, redrawn_of, text

KeyFact = tuple[str, str, str]  # label, value, and a note


def key_facts(material: Material) -> list[KeyFact]:
    """What a reader wants to know first."""
    skeleton, health = material.pairs.skeleton, health_of(material)
    record = next(records_of(material.source_record))
    recoveries = f"{len(health.events)} recover{'y' if len(health.events) == 1 else 'ies'}"
    return [
        *(_of_export(material) if material.is_export else []),
        *_of_run(material),
        ("Skeleton", skeleton.name, f"{skeleton.num_joints} joints"),
        ("Health of the run", health.state or "not recorded", recoveries if health.state else ""),
        ("Licence of the source", record.licence or "not stated", record.name),
    ]


def _of_export(material: Material) -> list[KeyFact]:
    learned = float(material.learned.mean())
    redrawn = sum(entry.share for entry in redrawn_of(material))
    optional = [column.name for column in material.columns if column.optional]
    return [
        ("Pairs", f"{material.total:,}", ""),
        ("Learned", f"{learned:.0%}", f"made by the augmentor; {1 - learned:.0%} drawn"),
        ("Redrawn", f"{redrawn:.1%}", "of all candidates"),
        ("Further columns", str(len(optional)) if optional else "none", ", ".join(optional)),
    ]


def _of_run(material: Material) -> list[KeyFact]:
    if material.run is None:
        return []
    poses, built_in = material.run.source_poses, material.run.built_in_rows
    note = f"{len(poses.subject.counts()):,} subjects, {len(poses.action.counts()):,} actions"
    if built_in:
        note += f"; beside them {built_in:,} built-in poses"
    facts = [("Source poses", f"{len(poses):,}", note)]
    if not material.is_export:
        facts.append(("State of the run", text(material.run_record.get("state")), ""))
    return facts


def missing(material: Material) -> str:
    """What the page lacks, and how to have it; empty where it lacks nothing."""
    if material.run is not None:
        return ""
    also = "" if material.source is not None else ", all comparisons with the source"
    return (
        f"The run that made this export was not found, so the source postures of its pairs{also} and the training’s "
        f"curves are missing. Name it:"
    )


def mend(material: Material) -> str:
    """The command that has what is missing."""
    return f"poseaug-gen report {material.name} --run outputs/NAME"


def vertical(material: Material) -> str:
    """Which way is up for elevation, azimuth and roll."""
    if not material.is_export:
        return (
            "Files of camera-frame poses do not say where up is: the people before each camera tell, by their trunks "
            "and by the lines across their hips and shoulders, which are level on average."
        )
    if material.run is None:
        return (
            "The vertical of a pair is that of its source’s recording, which the run knows. Without it, each body’s "
            "own trunk is taken for its vertical: who bends forward counts as seen from above."
        )
    return (
        "The vertical of a pair is that of its source’s recording, turned as the body was. Where up is for a camera of "
        "the source, the people before it tell, by their trunks and by the lines across their hips and shoulders, "
        "which are level on average. A drawn body may lean as a whole (setting views.lean); its camera is measured "
        "against the body’s own vertical."
    )
