"""Learn the PoseAug augmentor, freeze it, and write 2D-3D human pose pairs to HDF5."""

__version__ = "0.1.0"
