# The words of BitsTransfer to those of ebb, and back.

$script:States = @{
    queued = 'Queued'; connecting = 'Connecting'; transferring = 'Transferring'; suspended = 'Suspended'
    error = 'Error'; transient_error = 'TransientError'; transferred = 'Transferred'
    acknowledged = 'Acknowledged'; cancelled = 'Cancelled'
}
$script:Types = @{ download = 'Download'; upload = 'Upload'; upload_reply = 'UploadReply' }
$script:Priorities = @{ foreground = 'Foreground'; high = 'High'; normal = 'Normal'; low = 'Low' }

$script:Costs = @{
    Unrestricted = 0x01; Capped = 0x02; BelowCap = 0x04; NearCap = 0x08; OverCapCharged = 0x10
    OverCapThrottled = 0x20; UsageBased = 0x40; Roaming = 0x80; IgnoreCongestion = 0x80000000L
    PolicyUnrestricted = 0x80000021L; Standard = 0x80000067L; NoSurcharge = 0x8000006FL
    NotRoaming = 0x8000007FL; Always = 0x800000FFL
}

function ConvertTo-Time {
    param($Value)

    if (-not $Value) {
        return [datetime]::MinValue
    }
    if ($Value -is [datetime]) {
        return $Value.ToLocalTime()
    }
    $culture = [System.Globalization.CultureInfo]::InvariantCulture
    [System.DateTimeOffset]::Parse($Value, $culture).LocalDateTime
}

# ConvertTo-Second reads a duration like 336h0m0s.
function ConvertTo-Second {
    param([string] $Value)

    $seconds = 0.0
    foreach ($part in [regex]::Matches($Value, '([0-9.]+)(h|ms|m|s)')) {
        $number = [double]::Parse($part.Groups[1].Value, [System.Globalization.CultureInfo]::InvariantCulture)
        switch ($part.Groups[2].Value) {
            'h' { $seconds += 3600 * $number }
            'm' { $seconds += 60 * $number }
            's' { $seconds += $number }
            'ms' { $seconds += $number / 1000 }
        }
    }
    [long] $seconds
}

# ConvertTo-Size turns an unknown size into that of BITS.
function ConvertTo-Size {
    param([long] $Value)

    if ($Value -lt 0) {
        return [uint64]::MaxValue
    }
    [uint64] $Value
}

function ConvertTo-Job {
    param($Snapshot, [switch] $AllUsers)

    [pscustomobject] @{
        PSTypeName             = 'Ebb.Job'
        JobId                  = [guid] $snapshot.id
        DisplayName            = [string] $snapshot.name
        Description            = [string] $snapshot.description
        TransferType           = $script:Types[$snapshot.type]
        JobState               = $script:States[$snapshot.state]
        OwnerAccount           = $snapshot.owner
        Priority               = $script:Priorities[$snapshot.priority]
        BytesTotal             = ConvertTo-Size $snapshot.size
        BytesTransferred       = [uint64] $snapshot.transferred
        FilesTotal             = [int] $snapshot.totals.files
        FilesTransferred       = [int] $snapshot.totals.files_done
        CreationTime           = ConvertTo-Time $snapshot.created
        ModificationTime       = ConvertTo-Time $snapshot.modified
        TransferCompletionTime = ConvertTo-Time $snapshot.finished
        ErrorDescription       = [string] $snapshot.error.text
        ErrorContext           = [string] $snapshot.error.context
        ErrorCode              = [string] $snapshot.error.code
        ErrorCount             = [int] $snapshot.error_count
        Waits                  = [string] $snapshot.waits
        RetryInterval          = ConvertTo-Second $snapshot.retry_delay
        RetryTimeout           = ConvertTo-Second $snapshot.no_progress_timeout
        MaxDownloadTime        = ConvertTo-Second $snapshot.max_download_time
        TransferPolicy         = if ($snapshot.transfer_policy) { $snapshot.transfer_policy } else { 'default' }
        Dynamic                = [bool] $snapshot.dynamic
        HttpMethod             = if ($snapshot.method) { $snapshot.method } else { 'GET' }
        NotifyFlags            = [uint32] $snapshot.notify_flags
        NotifyCmdLine          = [string[]] $snapshot.notify_command
        SecurityFlags          = [uint32] $snapshot.network.security_flags
        ProxyList              = [string] $snapshot.network.proxy
        ProxyBypassList        = [string] $snapshot.network.proxy_bypass
        CustomHeaderNames      = [string[]] $snapshot.header_names
        AllUsers               = [bool] $AllUsers
    }
}

function ConvertTo-File {
    param($File)

    [pscustomobject] @{
        PSTypeName         = 'Ebb.File'
        FileId             = [int] $file.id
        RemoteName         = $file.url
        LocalName          = $file.local
        BytesTotal         = ConvertTo-Size $file.size
        BytesTransferred   = [uint64] $file.transferred
        IsTransferComplete = [bool] $file.done
    }
}

# Get-Place is the flag for the service that has the job, empty for one's own.
function Get-Place {
    param($Job)

    if ($Job.AllUsers) { '--system' } else { '' }
}

# Get-Id is the ID of a job, which is given as an object, also one that was stored, or as its ID.
function Get-Id {
    param($Job)

    if ($Job -is [string] -or $Job -is [guid]) {
        return [string] $Job
    }
    if (-not $Job.JobId) {
        throw 'this is no job: it has no JobId'
    }
    [string] $Job.JobId
}

function Get-FileList {
    param($Job)

    foreach ($file in Invoke-Ebb 'file', 'list', (Get-Id $Job), (Get-Place $Job)) {
        ConvertTo-File $file
    }
}

Update-TypeData -TypeName Ebb.Job -MemberType ScriptProperty -MemberName FileList -Value { Get-FileList $this } -Force
Update-TypeData -TypeName Ebb.Job -DefaultDisplayPropertySet 'JobId', 'DisplayName', 'TransferType', 'JobState', 'OwnerAccount' -Force

# ConvertTo-Setting writes the parameters that are properties of a job as KEY=VALUE of ebb.
function ConvertTo-Setting {
    param($Bound)

    foreach ($name in @($Bound.Keys)) {
        $value = $Bound[$name]
        switch ($name) {
            'DisplayName' { "name=$value" }
            'Description' { "description=$value" }
            'Priority' { "priority=$($value.ToLowerInvariant())" }
            'RetryInterval' { "retry-delay=${value}s" }
            'RetryTimeout' { "no-progress-timeout=${value}s" }
            'MaxDownloadTime' { "max-download-time=${value}s" }
            'TransferPolicy' { "transfer-policy=$(ConvertTo-CostFlag $value)" }
            'ACLFlags' { "acl-flags=$(($value -join '') -replace '[, ]', '')" }
            'SecurityFlags' { ConvertTo-SecuritySetting $value }
            'Dynamic' { "dynamic=$(ConvertTo-Word $value)" }
            'HttpMethod' { "method=$value" }
            'NotifyFlags' { "notify-flags=$value" }
            'NotifyCmdLine' { $value | ForEach-Object { "notify-command=$_" } }
            'ProxyUsage' {
                "proxy=$(ConvertTo-Proxy $value $Bound['ProxyList'])"
                if ($value -ne 'Override') { 'proxy-bypass=' } # which belongs to a list
            }
            'ProxyList' { Assert-Override $name $Bound } # goes with ProxyUsage
            'ProxyBypass' {
                Assert-Override $name $Bound
                "proxy-bypass=$($value -join ' ')"
            }
        }
    }
}

function Assert-Override {
    param([string] $Name, $Bound)

    if ($Bound['ProxyUsage'] -ne 'Override') {
        throw "-$Name belongs to -ProxyUsage Override"
    }
}

function ConvertTo-Word {
    param($Value)

    if ($Value) { 'true' } else { 'false' }
}

function ConvertTo-CostFlag {
    param([string[]] $Names)

    $bits = 0L
    foreach ($name in $Names) {
        $bits = $bits -bor $script:Costs[$name]
    }
    '0x{0:X8}' -f $bits
}

function ConvertTo-SecuritySetting {
    param([uint32] $Flags)

    $known = 0x0F1F
    if (($Flags -bor $known) -ne $known) {
        throw 'SecurityFlags has bits that are not known'
    }
    "check-revocation=$(ConvertTo-Word ($Flags -band 0x1))"
    'ignore-cert={0}' -f ($Flags -band 0x1E)
    switch ($Flags -band 0x700) {
        0x000 { 'redirects=follow' }
        0x100 { 'redirects=report' }
        0x200 { 'redirects=refuse' }
        default { throw 'SecurityFlags can say one thing only of redirects: 0x100 or 0x200' }
    }
    "allow-downgrade=$(ConvertTo-Word ($Flags -band 0x800))"
}

function ConvertTo-Proxy {
    param([string] $Usage, [string[]] $List)

    if ($Usage -eq 'Override' -and -not $List) {
        throw '-ProxyUsage Override needs -ProxyList'
    }
    switch ($Usage) {
        'SystemDefault' { '' }
        'NoProxy' { 'none' }
        'AutoDetect' { 'auto' }
        'Override' { $List -join ' ' }
    }
}

# ConvertTo-List pairs sources and destinations to the lines of a list. A folder is for all that go there.
function ConvertTo-List {
    param([string[]] $Source, [string[]] $Destination, $Cmdlet)

    if (-not $Destination) {
        $Destination = @('.')
    }
    $paths = @(foreach ($d in $Destination) { $Cmdlet.GetUnresolvedProviderPathFromPSPath($d) })
    $oneFolder = $paths.Count -eq 1 -and (Test-Path -LiteralPath $paths[0] -PathType Container)
    if (-not $oneFolder -and $paths.Count -ne $Source.Count) {
        throw "there are $($Source.Count) sources and $($paths.Count) destinations; they are paired, or there is one folder for all"
    }
    $lines = for ($i = 0; $i -lt $Source.Count; $i++) {
        $path = if ($oneFolder) { $paths[0] } else { $paths[$i] }
        if (Test-Path -LiteralPath $path -PathType Container) {
            $path = Join-Path $path (Get-LastName $Source[$i])
        }
        '{0} {1}' -f (ConvertTo-ListWord $Source[$i]), (ConvertTo-ListWord $path)
    }
    $lines -join "`n"
}

# Get-LastName is what a file is called in its URL.
function Get-LastName {
    param([string] $Url)

    $name = [uri]::UnescapeDataString(($Url -replace '[?#].*$', '' -split '/')[-1])
    if (-not $name -or $name -match '[\\/:]' -or $name -in '.', '..') {
        throw "$Url does not name a file; give the destination with its name"
    }
    $name
}

function ConvertTo-ListWord {
    param([string] $Word)

    $quote = if ($Word.Contains('"')) { "'" } else { '"' }
    if ($Word.Contains($quote) -or $Word -match '[\r\n]') {
        throw "$Word cannot be written in a list: it has both kinds of quotes, or more than one line"
    }
    $quote + $Word + $quote
}
