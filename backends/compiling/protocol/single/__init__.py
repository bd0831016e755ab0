"""One instance of the protocol: read, placed by a search, written as circuits."""
