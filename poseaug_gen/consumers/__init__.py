"""What reads an export: loaders for training frameworks, converters into other tools' files."""
