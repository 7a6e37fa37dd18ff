"""dbt Cloud: the Administrative API, the run that is used, its artifacts."""
