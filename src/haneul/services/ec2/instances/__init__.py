"""Instances and what they are launched from: types, images, key pairs, templates."""
