"""What a run can be exported to. Apart from the export, so that the command line starts at once."""

TABLES = ("csv", "parquet", "json")
CIRCUITS = ("qasm3", "qpy")
FORMATS = (*TABLES, *CIRCUITS)
