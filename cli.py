"""`python cli.py …` is `poseaug-gen …`, for a checkout that is not installed."""

from poseaug_gen.cli import main

if __name__ == "__main__":
    main()
