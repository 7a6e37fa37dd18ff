"""dbt's artifacts decoded into one ``Project`` of plain values; no IO here."""
