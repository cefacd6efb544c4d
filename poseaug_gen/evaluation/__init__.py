"""Does it help? Lifters trained with and without an export, on one budget, and how well they do on other people."""
