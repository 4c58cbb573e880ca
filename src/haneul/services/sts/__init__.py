"""STS: temporary credentials. Sessions lie in their own tokens (`auth/sessions.py`), so nothing is written here."""
