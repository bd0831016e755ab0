"""What ``enclone verify`` looks at beside what it recomputes."""
