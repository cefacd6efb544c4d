"""The tests of all networks run on each built-in skeleton."""

import pytest
from strategies import BUILTIN

from poseaug_gen.skeleton import Skeleton, load_skeleton


@pytest.fixture(params=BUILTIN)
def skeleton(request) -> Skeleton:
    return load_skeleton(request.param)
