"""Lets the code of VideoPose3D and of PoseAug load pairs that poseaug-gen made. Copy it to the root of their checkout.

In place of ``Human36mDataset('data/data_3d_h36m.npz')``:

    from aug_dataset import AugDataset
    dataset = AugDataset('data/data_3d_aug.npz')

Part of poseaug-gen (MIT licence), for Python 3.6 and later. It uses their ``MocapDataset`` and ``Skeleton``, nothing
of ours.
"""

import numpy as np
from common.mocap_dataset import MocapDataset  # type: ignore[import-not-found]
from common.skeleton import Skeleton  # type: ignore[import-not-found]


class AugDataset(MocapDataset):
    """Subject -> action -> poses, one camera a subject, as VideoPose3D's own data sets have them.

    An action has, beside ``positions`` and ``cameras``, the ``intrinsics`` of each frame: (frames, 9), as
    VideoPose3D's ``intrinsic``. A camera has ``intrinsic`` where those of all its subject's frames are the same.
    """

    def __init__(self, path: str) -> None:
        with np.load(path, allow_pickle=True) as file:
            poses, intrinsics, about = (file[name].item() for name in ("positions_3d", "intrinsics", "metadata"))
        left, right = about["keypoints_symmetry"]
        skeleton = Skeleton(parents=list(about["parents"]), joints_left=list(left), joints_right=list(right))
        super().__init__(fps=50, skeleton=skeleton)
        self._cameras = {name: [self._camera(name, about, intrinsics[name])] for name in poses}
        self._data = {
            name: {
                action: {
                    "positions": positions,
                    "cameras": self._cameras[name],
                    "intrinsics": intrinsics[name][action],
                }
                for action, positions in actions.items()
            }
            for name, actions in poses.items()
        }

    @staticmethod
    def _camera(name: str, about: dict, intrinsics: dict) -> dict:
        size = about["video_metadata"][name]
        camera = {"id": name, "res_w": size["w"], "res_h": size["h"], "azimuth": 70}
        for key, value in about["camera"].items():
            camera[key] = np.array(value, dtype="float32")
        first = next(iter(intrinsics.values()))[0]
        if all((frames == first).all() for frames in intrinsics.values()):
            camera["intrinsic"] = first
        return camera

    def define_actions(self, action: str = "") -> list:
        """PoseAug's: the actions, or the one that is named."""
        return [action or "aug"]

    def supports_semi_supervised(self) -> bool:
        """No: that needs one camera for all frames of a sequence."""
        return False
