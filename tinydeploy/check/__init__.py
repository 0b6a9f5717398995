"""Budgets of all targets of a repository: built, compared with a baseline, and explained."""
