"""Records of past syncs and what was verified when."""
