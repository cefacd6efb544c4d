"""The networks: augmentor, discriminators, estimators."""
