"""After the fact: comparing, verifying and exporting finished runs."""
