"""One click command a file: parse, call, print. Heavy libraries are imported when a command runs, not before."""
