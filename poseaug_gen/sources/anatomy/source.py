"""The built-in source as a PoseSet: the crowd, mapped to a skeleton and seen by a rig."""

from __future__ import annotations

from collections.abc import Sequence

from poseaug_gen.errors import PoseAugError
from poseaug_gen.poses import PoseSet
from poseaug_gen.sources.anatomy.activities import ACTIVITIES, Activity
from poseaug_gen.sources.anatomy.people import JOINTS, draw_crowd
from poseaug_gen.sources.formats import Request
from poseaug_gen.sources.joints import to_skeleton

NAME = "anatomy"  # as --source names it
LICENCE = "none: made by poseaug-gen from published measurements, no recorded motion"
CITATION = (
    "Proportions: NCD-RisC 2016, de Leva 1996, Gordon et al. 1989 and 2014. Ranges of motion: Soucie et al. 2011, "
    "Boone and Azen 1979, Youdas et al. 1992, Troke et al. 2005. Gait: Schwartz et al. 2008, Fukuchi et al. 2017. "
    "All of them: the tables beside poseaug_gen/sources/anatomy."
)


def see_crowd(request: Request, activities: Sequence[Activity] = ACTIVITIES) -> PoseSet:
    """``request.rows`` bodies doing what bodies do, each as one camera of the rig sees it; the seed fixes every byte.

    One camera, as there are always more bodies: the same one from four sides says less than four.

    Raises:
        PoseAugError: there is no rig, or the skeleton has a joint that our bodies have not.
    """
    if request.rig is None:
        raise PoseAugError(f"{NAME}: its poses are in a world frame and need cameras to see them; give --rig")
    crowd = draw_crowd(request.rows, request.seed, activities)
    world = to_skeleton(crowd.positions, JOINTS, request.skeleton, request.names, NAME)
    views = request.rig.drawing("one").see(world, request.seed)
    return PoseSet(
        skeleton=request.skeleton,
        positions=views.positions,
        intrinsics=views.intrinsics,
        image_size=views.image_size,
        subject=crowd.subject.take(views.pose),
        action=crowd.action.take(views.pose),
        camera=views.camera,
        provenance={
            "name": NAME,
            "licence": LICENCE,
            "citation": CITATION,
            "rows": request.rows,
            "seed": request.seed,
            "cameras": request.rig.names,
        },
    )
