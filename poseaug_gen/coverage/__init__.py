"""Postures and views that no source pose shows, drawn rather than learned: what an export adds to the augmentor."""
