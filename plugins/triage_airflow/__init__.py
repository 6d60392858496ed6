"""Everything of inbox-triage that imports Airflow, beside the DAG files."""
