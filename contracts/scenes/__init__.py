"""`suite.SceneSuite` judges a scene on `stand.Stand`: readers, cards and a barrier in a seeded
World.
"""
