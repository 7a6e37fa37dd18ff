"""From a dbt run to Collate: matching, the plan, writing it, and the proof; everything told as events."""
