"""The stand-ins for the vendors: state behind HTTP in the vendors' own shapes."""
