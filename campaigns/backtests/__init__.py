"""Campaigns replayed on tables whose labels are known: how much sooner are finds made?"""
