"""The Price List Service: the sheets that the meter prices from, in the price list's own format."""
