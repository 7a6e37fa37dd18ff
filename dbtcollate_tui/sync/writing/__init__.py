"""A plan written to Collate: in an order that holds, guarded by what was read, accounted for."""
