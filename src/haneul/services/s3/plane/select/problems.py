"""What can be wrong with a query or with the data it reads, by the names S3 Select has for it.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#SelectObjectContentErrorCodeList
"""

from __future__ import annotations

_SAID = {
    "CastFailed": "Attempt to convert from one data type to another using CAST failed in the SQL expression.",
    "CSVParsingError": "Encountered an error parsing the CSV file. Check the file and try again.",
    "JSONParsingError": "Encountered an error parsing the JSON file. Check the file and try again.",
    "TruncatedInput": "Object decompression failed. Check that the object is properly compressed using the format "
    "specified in the request.",
    "OverMaxRecordSize": "The length of a record in the input or result is greater than the maxCharsPerRecord limit of "
    "1 MB.",
    "InvalidTextEncoding": "Invalid encoding type. Only UTF-8 encoding is supported.",
    "MissingHeaders": "Some headers in the query are missing from the file. Check the file and try again.",
    "AmbiguousFieldName": "Field name matches to multiple fields in the file. Check the SQL expression and the file, "
    "and try again.",
    "InvalidColumnIndex": "The column index in the SQL expression is not valid.",
    "UnsupportedFunction": "Encountered an unsupported SQL function.",
    "UnsupportedSqlOperation": "Encountered an unsupported SQL operation.",
    "UnsupportedSqlStructure": "Encountered an unsupported SQL structure. Check the SQL Reference.",
    "UnsupportedSyntax": "Encountered invalid syntax.",
    "ParseEmptySelect": "The SQL expression contains an empty SELECT clause.",
    "ParseSelectMissingFrom": "The SQL expression contains a missing FROM after the SELECT list.",
    "ParseExpectedTypeName": "Did not find the expected type name in the SQL expression.",
    "EvaluatorInvalidArguments": "There is an incorrect number of arguments in the function call in the SQL "
    "expression.",
    "IllegalSqlFunctionArgument": "An illegal argument was used in the SQL function.",
    "EvaluatorUnterminatedTimestampFormatPatternToken": "The timestamp format pattern contains an unterminated token "
    "in the SQL expression.",
    "EvaluatorInvalidTimestampFormatPatternSymbol": "The timestamp format pattern contains a symbol in the SQL "
    "expression that is not valid.",
    "EvaluatorTimestampFormatPatternHourClockAmPmMismatch": "The timestamp format pattern contains a 12-hour hour of "
    "day format symbol but doesn't also contain an AM/PM field, or it contains a 24-hour hour of day format specifier "
    "and contains an AM/PM field in the SQL expression.",
    "LexerInvalidChar": "The SQL expression contains a character that is not valid.",
    "LexerInvalidLiteral": "The SQL expression contains a literal that is not valid.",
    "LikeInvalidInputs": "An invalid argument given to the LIKE clause in the SQL expression.",
    "DivideByZero": "An attempt was made to divide by zero in the SQL expression.",
    "ExpressionTooLong": "The SQL expression is too long. The maximum byte-length for an SQL expression is 256 KB.",
    "InvalidDataType": "The SQL expression contains a data type that is not valid.",
    "IncorrectSqlFunctionArgumentType": "An incorrect argument type was specified in a function call in the SQL "
    "expression.",
}


class SelectError(Exception):
    """A query or its data is wrong: S3's `code` for it and what it says."""

    def __init__(self, code: str, message: str = "") -> None:
        self.code = code
        self.message = message or _SAID.get(code, code)
        super().__init__(self.message)
