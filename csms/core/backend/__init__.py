"""The backend's say: who may charge, which charge points are served, and what it is told of sessions."""
