"""Transit gateways, and what reaches beyond the cloud: customer and virtual private gateways."""
