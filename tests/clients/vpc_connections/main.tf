terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
variable "port" {}
variable "managed" { default = "10.3.0.0/16" }
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
provider "aws" {
  alias                   = "there"
  region                  = "eu-west-1"
  access_key              = "test"
  secret_key              = "test"
  skip_metadata_api_check = true
  endpoints {
    ec2 = local.url
    sts = local.url
    iam = local.url
  }
}
resource "aws_vpc" "main" {
  cidr_block           = "10.0.0.0/16"
  enable_dns_hostnames = true
}
resource "aws_vpc" "other" { cidr_block = "10.1.0.0/16" }
resource "aws_vpc" "far" {
  provider   = aws.there
  cidr_block = "10.2.0.0/16"
}
resource "aws_subnet" "public" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.0.0.0/24"
}
resource "aws_subnet" "private" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.0.1.0/24"
}
resource "aws_internet_gateway" "out" { vpc_id = aws_vpc.main.id }
resource "aws_vpc_dhcp_options" "names" {
  domain_name         = "example.com"
  domain_name_servers = ["AmazonProvidedDNS"]
  ntp_servers         = ["10.0.0.2"]
  tags                = { Name = "names" }
}
resource "aws_vpc_dhcp_options_association" "names" {
  vpc_id          = aws_vpc.main.id
  dhcp_options_id = aws_vpc_dhcp_options.names.id
}
resource "aws_ec2_managed_prefix_list" "offices" {
  name           = "offices"
  address_family = "IPv4"
  max_entries    = 5
  entry {
    cidr        = var.managed
    description = "first"
  }
  entry { cidr = "10.4.0.0/16" }
  tags = { Name = "offices" }
}
resource "aws_ec2_managed_prefix_list_entry" "one" {
  cidr           = "10.5.0.0/16"
  prefix_list_id = aws_ec2_managed_prefix_list.open.id
}
resource "aws_ec2_managed_prefix_list" "open" {
  name           = "open"
  address_family = "IPv4"
  max_entries    = 2
}
data "aws_prefix_list" "s3" { name = "com.amazonaws.us-east-1.s3" }
data "aws_ec2_managed_prefix_list" "s3" { name = "com.amazonaws.us-east-1.s3" }
resource "aws_eip" "nat" { domain = "vpc" }
resource "aws_nat_gateway" "out" {
  allocation_id = aws_eip.nat.id
  subnet_id     = aws_subnet.public.id
  tags          = { Name = "out" }
  depends_on    = [aws_internet_gateway.out]
}
resource "aws_route_table" "private" {
  vpc_id = aws_vpc.main.id
  route {
    cidr_block     = "0.0.0.0/0"
    nat_gateway_id = aws_nat_gateway.out.id
  }
  route {
    cidr_block                = aws_vpc.other.cidr_block
    vpc_peering_connection_id = aws_vpc_peering_connection.near.id
  }
  route {
    destination_prefix_list_id = aws_ec2_managed_prefix_list.offices.id
    vpc_peering_connection_id  = aws_vpc_peering_connection.near.id
  }
}
resource "aws_vpc_peering_connection" "near" {
  vpc_id      = aws_vpc.main.id
  peer_vpc_id = aws_vpc.other.id
  auto_accept = true
  requester { allow_remote_vpc_dns_resolution = true }
  tags = { Name = "near" }
}
resource "aws_vpc_peering_connection" "far" {
  vpc_id      = aws_vpc.main.id
  peer_vpc_id = aws_vpc.far.id
  peer_region = "eu-west-1"
  tags        = { Name = "far" }
}
resource "aws_vpc_peering_connection_accepter" "far" {
  provider                  = aws.there
  vpc_peering_connection_id = aws_vpc_peering_connection.far.id
  auto_accept               = true
  tags                      = { Name = "far, accepted" }
}
data "aws_vpc_endpoint_service" "s3" {
  service      = "s3"
  service_type = "Gateway"
}
resource "aws_vpc_endpoint" "s3" {
  vpc_id          = aws_vpc.main.id
  service_name    = data.aws_vpc_endpoint_service.s3.service_name
  route_table_ids = [aws_route_table.private.id]
  tags            = { Name = "s3" }
}
resource "aws_vpc_endpoint" "dynamodb" {
  vpc_id       = aws_vpc.main.id
  service_name = "com.amazonaws.us-east-1.dynamodb"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = "*", Action = "dynamodb:*", Resource = "*" }]
  })
}
resource "aws_vpc_endpoint_route_table_association" "dynamodb" {
  route_table_id  = aws_route_table.private.id
  vpc_endpoint_id = aws_vpc_endpoint.dynamodb.id
}
resource "aws_security_group" "endpoints" {
  vpc_id = aws_vpc.main.id
  name   = "endpoints"
  egress {
    from_port       = 443
    to_port         = 443
    protocol        = "tcp"
    prefix_list_ids = [data.aws_prefix_list.s3.id]
  }
}
resource "aws_vpc_endpoint" "sqs" {
  vpc_id              = aws_vpc.main.id
  service_name        = "com.amazonaws.us-east-1.sqs"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = [aws_subnet.private.id]
  security_group_ids  = [aws_security_group.endpoints.id]
  private_dns_enabled = true
  tags                = { Name = "sqs" }
}
resource "aws_flow_log" "objects" {
  vpc_id                   = aws_vpc.main.id
  traffic_type             = "ALL"
  log_destination_type     = "s3"
  log_destination          = "arn:aws:s3:::flows/main"
  max_aggregation_interval = 60
  destination_options {
    file_format                = "plain-text"
    hive_compatible_partitions = true
    per_hour_partition         = true
  }
  tags = { Name = "objects" }
}
resource "aws_flow_log" "group" {
  subnet_id       = aws_subnet.private.id
  traffic_type    = "REJECT"
  iam_role_arn    = "arn:aws:iam::000000000000:role/flows"
  log_destination = "arn:aws:logs:us-east-1:000000000000:log-group:flows"
  log_format      = "$${interface-id} $${srcaddr} $${dstaddr} $${action} $${flow-direction}"
}
