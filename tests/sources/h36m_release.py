"""Human3.6M's camera model as its release writes it, in floats and by itself: what ours is compared with."""

from collections.abc import Sequence

Numbers = Sequence[float]


def release_projection(point: Numbers, f: Numbers, c: Numbers, k: Numbers, p: Numbers) -> tuple[float, float]:
    """Pixels of a point before the camera, by the release's ``ProjectPointRadial``; ``p`` in the release's order."""
    x, y = point[0] / point[2], point[1] / point[2]
    r2 = x * x + y * y
    radial = 1 + k[0] * r2 + k[1] * r2**2 + k[2] * r2**3
    tangential = p[0] * y + p[1] * x
    u = x * (radial + tangential) + p[1] * r2
    v = y * (radial + tangential) + p[0] * r2
    return f[0] * u + c[0], f[1] * v + c[1]


def turned(q: Numbers, v: Numbers) -> list[float]:
    """A vector turned by a quaternion w x y z: ``q v q*``, multiplied out by Hamilton's rules."""
    length = sum(part * part for part in q)
    back = (q[0], -q[1], -q[2], -q[3])
    return [part / length for part in _times(_times(q, (0.0, *v)), back)[1:]]


def turned_back(q: Numbers, v: Numbers) -> list[float]:
    """The inverse of :func:`turned`."""
    return turned((q[0], -q[1], -q[2], -q[3]), v)


def _times(a: Numbers, b: Numbers) -> tuple[float, ...]:
    return (
        a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3],
        a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2],
        a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1],
        a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0],
    )
