"""The sandbox's dbt Cloud: the Administrative API on recorded runs."""
