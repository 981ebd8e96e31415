"""Measurements: what lies here can be run, its parts are in the rooms."""
