"""A provider and an experiment for enclone, as other packages bring them."""
