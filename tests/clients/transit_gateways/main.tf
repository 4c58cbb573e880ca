terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
variable "port" {}
variable "hole" { default = "10.90.0.0/16" }
locals { url = "http://127.0.0.1:${var.port}" }
provider "aws" {
  region                  = "us-east-1"
  access_key              = "test"
  secret_key              = "test"
  skip_metadata_api_check = true
  endpoints {
    ec2 = local.url
    sts = local.url
    iam = local.url
  }
}
resource "aws_ec2_transit_gateway" "hub" {
  description = "hub"
  tags        = { Name = "hub" }
}
resource "aws_vpc" "spoke" {
  count      = 2
  cidr_block = "10.${count.index}.0.0/16"
}
resource "aws_subnet" "spoke" {
  count             = 2
  vpc_id            = aws_vpc.spoke[count.index].id
  cidr_block        = "10.${count.index}.0.0/24"
  availability_zone = "us-east-1a"
}
resource "aws_ec2_transit_gateway_vpc_attachment" "spoke" {
  count              = 2
  transit_gateway_id = aws_ec2_transit_gateway.hub.id
  vpc_id             = aws_vpc.spoke[count.index].id
  subnet_ids         = [aws_subnet.spoke[count.index].id]
  tags               = { Name = "spoke ${count.index}" }

  transit_gateway_default_route_table_association = count.index == 0
}
resource "aws_ec2_transit_gateway_route_table" "own" {
  transit_gateway_id = aws_ec2_transit_gateway.hub.id
}
resource "aws_ec2_transit_gateway_route_table_association" "own" {
  transit_gateway_attachment_id  = aws_ec2_transit_gateway_vpc_attachment.spoke[1].id
  transit_gateway_route_table_id = aws_ec2_transit_gateway_route_table.own.id
}
resource "aws_ec2_transit_gateway_route_table_propagation" "own" {
  transit_gateway_attachment_id  = aws_ec2_transit_gateway_vpc_attachment.spoke[0].id
  transit_gateway_route_table_id = aws_ec2_transit_gateway_route_table.own.id
}
resource "aws_ec2_transit_gateway_route" "all" {
  destination_cidr_block         = "0.0.0.0/0"
  transit_gateway_attachment_id  = aws_ec2_transit_gateway_vpc_attachment.spoke[0].id
  transit_gateway_route_table_id = aws_ec2_transit_gateway_route_table.own.id
}
resource "aws_ec2_transit_gateway_route" "hole" {
  destination_cidr_block         = var.hole
  blackhole                      = true
  transit_gateway_route_table_id = aws_ec2_transit_gateway_route_table.own.id
}
resource "aws_route_table" "spoke" {
  count            = 2
  vpc_id           = aws_vpc.spoke[count.index].id
  propagating_vgws = count.index == 0 ? [aws_vpn_gateway.office.id] : []
  route {
    cidr_block         = "10.0.0.0/8"
    transit_gateway_id = aws_ec2_transit_gateway.hub.id
  }
  depends_on = [aws_ec2_transit_gateway_vpc_attachment.spoke]
}
data "aws_ec2_transit_gateway" "hub" { id = aws_ec2_transit_gateway.hub.id }
resource "aws_vpn_gateway" "office" {
  vpc_id = aws_vpc.spoke[0].id
  tags   = { Name = "office" }
}
resource "aws_customer_gateway" "office" {
  bgp_asn    = 65010
  ip_address = "203.0.113.7"
  type       = "ipsec.1"
}
