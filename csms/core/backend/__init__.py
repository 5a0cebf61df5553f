"""The backend that has a say: asked who may charge, told of sessions, and left alone while it is away."""
