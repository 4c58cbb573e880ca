"""IAM: users, groups, roles and the policies that bind them, over the tables of `auth/tables.py`."""
