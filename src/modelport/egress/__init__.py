"""May this address be called?"""
