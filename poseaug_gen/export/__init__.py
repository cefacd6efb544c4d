"""Export: the frozen augmentor, the rows it makes, one shard, the dataset of shards, and how to verify it."""
