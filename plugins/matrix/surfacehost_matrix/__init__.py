"""Matrix for surfacehost: one account on one homeserver as a surface."""

from surfacehost_matrix.settings import MatrixSettings, SpaceSettings
from surfacehost_matrix.surface import MatrixSurface

__all__ = ["MatrixSettings", "MatrixSurface", "SpaceSettings"]
