"""Shows the stored results: live, searchable, counted and exportable.

It only reads. Every page and call is answered from an index in bounded time, whatever was asked: a
question that would need more is answered in part, with a cursor to continue from. The price is that some
rare combinations take several steps.
"""
