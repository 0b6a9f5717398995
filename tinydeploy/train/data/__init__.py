"""What nets are trained with: labelled and unlabelled pictures, from wherever they are."""
