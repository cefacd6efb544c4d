"""A built-in source of poses: bodies, joint limits and gaits from published tables, and activities made of them."""
