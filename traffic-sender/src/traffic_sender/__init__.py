"""Sends math problems at an arrival rate that no slow worker can change, and keeps an exact ledger of what
came back.
"""
