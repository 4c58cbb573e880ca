terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
variable "port" {}
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
data "aws_availability_zones" "all" { state = "available" }
resource "aws_vpc" "main" {
  cidr_block           = "10.0.0.0/16"
  enable_dns_hostnames = true
  tags                 = { Name = "main" }
}
resource "aws_subnet" "public" {
  count                   = 2
  vpc_id                  = aws_vpc.main.id
  cidr_block              = cidrsubnet(aws_vpc.main.cidr_block, 8, count.index)
  availability_zone       = data.aws_availability_zones.all.names[count.index]
  map_public_ip_on_launch = true
  tags                    = { Name = "public-${count.index}" }
}
resource "aws_internet_gateway" "out" {
  vpc_id = aws_vpc.main.id
  tags   = { Name = "out" }
}
resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id
  tags   = { Name = "public" }
}
resource "aws_route" "out" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.out.id
}
resource "aws_route_table_association" "public" {
  count          = 2
  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public.id
}
resource "aws_route_table" "inline" {
  vpc_id = aws_vpc.main.id
  route {
    cidr_block           = "192.168.0.0/16"
    network_interface_id = aws_network_interface.router.id
  }
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.out.id
  }
}
resource "aws_main_route_table_association" "inline" {
  vpc_id         = aws_vpc.main.id
  route_table_id = aws_route_table.inline.id
}
resource "aws_security_group" "web" {
  name        = "web"
  description = "web servers"
  vpc_id      = aws_vpc.main.id
  ingress {
    description = "http"
    from_port   = 80
    to_port     = 80
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0", "10.0.0.0/8"]
  }
  ingress {
    from_port = 0
    to_port   = 0
    protocol  = "-1"
    self      = true
  }
  ingress {
    from_port       = -1
    to_port         = -1
    protocol        = "icmp"
    security_groups = [aws_security_group.rules.id]
  }
  egress {
    from_port        = 0
    to_port          = 0
    protocol         = "-1"
    cidr_blocks      = ["0.0.0.0/0"]
    ipv6_cidr_blocks = ["::/0"]
  }
  tags = { Name = "web" }
}
resource "aws_security_group" "rules" {
  name_prefix = "rules-"
  vpc_id      = aws_vpc.main.id
}
resource "aws_vpc_security_group_ingress_rule" "ssh" {
  security_group_id = aws_security_group.rules.id
  description       = "ssh"
  cidr_ipv4         = "10.0.0.0/8"
  from_port         = 22
  to_port           = 22
  ip_protocol       = "tcp"
  tags              = { Name = "ssh" }
}
resource "aws_vpc_security_group_ingress_rule" "self" {
  security_group_id            = aws_security_group.rules.id
  referenced_security_group_id = aws_security_group.rules.id
  ip_protocol                  = "-1"
}
resource "aws_vpc_security_group_egress_rule" "out" {
  security_group_id = aws_security_group.rules.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}
resource "aws_security_group_rule" "old" {
  type              = "ingress"
  security_group_id = aws_security_group.rules.id
  from_port         = 8000
  to_port           = 8080
  protocol          = "udp"
  cidr_blocks       = ["192.0.2.0/24"]
}
resource "aws_network_acl" "strict" {
  vpc_id     = aws_vpc.main.id
  subnet_ids = [aws_subnet.public[1].id]
  ingress {
    protocol   = "tcp"
    rule_no    = 100
    action     = "allow"
    cidr_block = "0.0.0.0/0"
    from_port  = 80
    to_port    = 80
  }
  egress {
    protocol   = "-1"
    rule_no    = 100
    action     = "allow"
    cidr_block = "0.0.0.0/0"
    from_port  = 0
    to_port    = 0
  }
}
resource "aws_network_acl" "loose" {
  vpc_id = aws_vpc.main.id
}
resource "aws_network_acl_rule" "ping" {
  network_acl_id = aws_network_acl.loose.id
  rule_number    = 200
  egress         = false
  protocol       = "icmp"
  rule_action    = "allow"
  cidr_block     = "10.0.0.0/8"
  icmp_type      = 8
  icmp_code      = -1
}
resource "aws_network_interface" "router" {
  subnet_id         = aws_subnet.public[0].id
  private_ips       = ["10.0.0.50", "10.0.0.51"]
  security_groups   = [aws_security_group.web.id]
  source_dest_check = false
  description       = "router"
}
resource "aws_eip" "router" {
  domain     = "vpc"
  depends_on = [aws_internet_gateway.out]
  tags       = { Name = "router" }
}
resource "aws_eip_association" "router" {
  allocation_id        = aws_eip.router.id
  network_interface_id = aws_network_interface.router.id
  private_ip_address   = "10.0.0.51"
}
resource "aws_vpc" "second" {
  cidr_block                       = "10.7.0.0/16"
  assign_generated_ipv6_cidr_block = true
}
resource "aws_vpc_ipv4_cidr_block_association" "more" {
  vpc_id     = aws_vpc.second.id
  cidr_block = "10.8.0.0/16"
}
resource "aws_subnet" "six" {
  vpc_id                          = aws_vpc.second.id
  cidr_block                      = "10.8.1.0/24"
  ipv6_cidr_block                 = cidrsubnet(aws_vpc.second.ipv6_cidr_block, 8, 1)
  assign_ipv6_address_on_creation = true
  depends_on                      = [aws_vpc_ipv4_cidr_block_association.more]
}
resource "aws_network_interface" "six" {
  subnet_id          = aws_subnet.six.id
  ipv6_address_count = 1
}
resource "aws_ec2_subnet_cidr_reservation" "kept" {
  subnet_id        = aws_subnet.six.id
  cidr_block       = "10.8.1.64/28"
  reservation_type = "explicit"
}
resource "aws_egress_only_internet_gateway" "six" {
  vpc_id = aws_vpc.second.id
}
resource "aws_default_security_group" "second" {
  vpc_id = aws_vpc.second.id
}
resource "aws_default_route_table" "second" {
  default_route_table_id = aws_vpc.second.default_route_table_id
  route {
    ipv6_cidr_block        = "::/0"
    egress_only_gateway_id = aws_egress_only_internet_gateway.six.id
  }
}
resource "aws_default_network_acl" "second" {
  default_network_acl_id = aws_vpc.second.default_network_acl_id
  ingress {
    protocol   = -1
    rule_no    = 50
    action     = "allow"
    cidr_block = "10.0.0.0/8"
    from_port  = 0
    to_port    = 0
  }
  lifecycle { ignore_changes = [subnet_ids] }
}
resource "aws_default_vpc" "default" {
  tags = { Name = "default" }
}
resource "aws_default_subnet" "a" {
  availability_zone = "us-east-1a"
}
data "aws_vpc" "main" {
  id = aws_vpc.main.id
}
data "aws_subnets" "main" {
  filter {
    name   = "vpc-id"
    values = [aws_vpc.main.id]
  }
}
data "aws_security_group" "web" {
  id = aws_security_group.web.id
}
data "aws_route_table" "public" {
  subnet_id  = aws_subnet.public[0].id
  depends_on = [aws_route_table_association.public, aws_route.out]
}
