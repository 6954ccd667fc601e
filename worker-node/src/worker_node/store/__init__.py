"""The store: rows of many requests in one statement, each request answered after the commit (group
commit).
"""
