"""The responders' page inside Airflow: a small FastAPI app, its templates, one style sheet and one script."""
