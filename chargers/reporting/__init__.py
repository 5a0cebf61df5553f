"""Reports that come in parts: asked for, put together, and used whole or not at all."""
