"""What makes the pages of the documentation that are written by a program; `make docs` builds the site."""
